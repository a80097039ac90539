//! Which permissions each role holds, and what a caller may do with a server.
