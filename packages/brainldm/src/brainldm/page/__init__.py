"""The demo page: a model in, a Gradio page on this machine alone out."""
