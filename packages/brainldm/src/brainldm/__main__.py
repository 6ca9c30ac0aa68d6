"""`python -m brainldm`: the same as the script `brainldm`."""

from brainldm.app import main

main()
