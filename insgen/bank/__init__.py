"""The instruction bank: membership, neighbours, seeds."""
