"""What plugins offer and watch, and the manager that collects it."""
