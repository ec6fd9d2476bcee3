//! Network access of connectors, and denied requests.

pub use crate::sandbox::egress::address::Special;
pub use crate::sandbox::egress::client::{Network, Roots};
pub use crate::sandbox::egress::resolver::{Resolve, Resolving, SystemResolver};
pub use crate::sandbox::egress::rule::{RuleError, Uncovered};
pub use crate::sandbox::egress::{Denial, DenialReason};
