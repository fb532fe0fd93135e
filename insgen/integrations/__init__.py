"""Bridges to trainers that are not ours."""
