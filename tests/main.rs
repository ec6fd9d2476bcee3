//! System tests: the real component in the real sandbox, between real servers
//! and real destinations. Independent clients check the results. Unit tests are
//! in the crates.

mod system;
