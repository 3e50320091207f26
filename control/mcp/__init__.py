"""The MCP door: what a talent was granted, as tools for an agent (Model Context Protocol; extra `infrafabric[mcp]`)."""
