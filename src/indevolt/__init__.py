"""INDEVOLT home batteries over OpenData."""
