"""Training a target model: plans in, feedback records out."""
