"""Networks as data: the atom as a block of fixed width, layers and readouts, schemes compiled to them."""
