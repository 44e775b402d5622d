"""interceptors."""
