"""Text encoders: captions in, token embeddings with their mask and a one-vector summary out."""
