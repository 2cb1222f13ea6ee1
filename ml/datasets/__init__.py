"""Looking at sets of photos before anything is trained on them: report, duplicates, splits."""
