"""The HTTP door: routes, auth, status codes and error bodies. Thin: decisions are made on lower floors."""
