"""MoCoGAN: content that stays, motion that a recurrent network makes, one picture at a time."""
