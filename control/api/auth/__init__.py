"""Who asks: API keys, signed requests, tokens of an OpenID provider, console sessions."""
