//! Throwaway servers: a primary and a streaming standby from binaries found on the machine.
//!
//! Nothing here talks SQL to anybody else's server.
