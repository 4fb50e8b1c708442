"""What CycleGAN is: networks, objectives, checkpoints and the exported model.

Source: Zhu et al. 2017, arXiv:1703.10593. Knows no folders of pictures, no HTTP and no clock.
"""
