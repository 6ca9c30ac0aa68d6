"""`python -m braincaption` in, the commands of braincaption out; the same as the script `braincaption`."""

from braincaption.app import main

if __name__ == "__main__":
    main()
