"""What bench/engine measures with: sounds, children, sections, tables."""
