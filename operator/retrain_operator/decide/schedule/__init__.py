"""What is decided about a RetrainSchedule: which slot is due, what the past has shown, which runs are made and which are removed."""
