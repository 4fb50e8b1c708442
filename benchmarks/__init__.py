"""Programs that measure how fast this project trains and translates."""
