//! How findings look: to people, as JSON, as SARIF, as GitHub annotations.
