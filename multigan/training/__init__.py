"""The adversarial-training core: phases are data, one trainer plays them."""
