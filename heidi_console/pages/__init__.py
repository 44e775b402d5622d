"""The areas of the console, one module each. Their order is that of the navigation."""

from heidi_console.pages import home, messages, sign_in

AREAS = (sign_in.area, home.area, messages.area)
