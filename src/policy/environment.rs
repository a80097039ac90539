//! Which environment variables a server may be given.
