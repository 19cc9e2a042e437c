"""What a valid run is: composed, checked, resolved, identified, made into objects. No torch."""
