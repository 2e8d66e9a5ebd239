"""Commands that read what runs have left: reports, verdicts, comparisons, histories."""
