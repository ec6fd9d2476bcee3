//! The system tests: the component in the sandbox, real servers before it and
//! real destinations behind it, judged by clients that share no code with it.
//! What a part does by itself is tested in its own crate.

mod system;
