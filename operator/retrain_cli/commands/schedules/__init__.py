"""Commands about a RetrainSchedule."""
