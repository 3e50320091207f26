"""What the routes take and answer, for the OpenAPI document. Answers have the members of `ifctl --json`."""
