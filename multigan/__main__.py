"""``python -m multigan``, which is also what ``torchrun -m multigan`` starts."""

from multigan.cli import main

main()
