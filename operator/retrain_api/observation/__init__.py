"""Does a promoted model keep its promise? The test that may be looked at every day, from counts of judged bars to a state. Pure."""
