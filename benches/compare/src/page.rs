//! stub
use crate::figures::Figures;
pub(crate) fn generated(f: &Figures) -> String {
    serde_json::to_string_pretty(f).unwrap_or_default()
}
pub(crate) fn write(_f: &Figures) -> anyhow::Result<()> {
    Ok(())
}
