"""Action Extractor and Motion Generator: what one clip does, done by what another picture shows."""
