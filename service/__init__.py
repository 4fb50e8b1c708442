"""How it is asked: translations over HTTP and from the command line; imports no PyTorch."""
