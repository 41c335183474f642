"""The language of the objective line: parsed, reduced in exact fractions, evaluated; it knows nothing of losses."""
