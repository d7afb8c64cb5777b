"""The style of one picture on another: optimised for one photo, or learnt for all of them."""
