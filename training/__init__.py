"""How a CycleGAN is trained: data, the step, the loop and what is seen on the way."""
