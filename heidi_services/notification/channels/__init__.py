"""Delivery channels: one module per provider; `registry` maps the names of providers to them."""
