"""Sources of city imports: the shipped GeoNames data, files in GeoNames' format, and tables (CSV, JSON)."""
