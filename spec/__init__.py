"""The descriptions: data only. A new operation is a new folder; README.md says how to write one."""
