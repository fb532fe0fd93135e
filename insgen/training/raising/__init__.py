"""RAISE: which rows each optimiser step is made of, learned by reinforcement (arXiv:2504.07282)."""
