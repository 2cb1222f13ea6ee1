"""Arrays in, arrays out: images, subject, embedding, keypoints, search. Knows no Django."""
