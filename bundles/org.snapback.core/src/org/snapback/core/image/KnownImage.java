// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.image;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.snapback.core.Place;

/**
 * An image that is remembered: the little of it that a list shows.
 *
 * @param id as {@link ImageFile#id()}; empty where the file cannot be read as an image
 * @param label the name of the snapshot; the file's name where it cannot be read
 * @param saved when the file was written
 * @param bytes of the file
 * @param memoryBytes the memory that it stands for
 * @param ancestors the ids of the images that it builds on
 * @param problem why it cannot be used, in one sentence
 */
public record KnownImage(
        Path file,
        String id,
        String label,
        String session,
        Instant taken,
        Instant saved,
        Place place,
        int threads,
        long bytes,
        long memoryBytes,
        List<String> ancestors,
        Optional<String> problem) {

    /** Empty: the file is not there any more. */
    static Optional<KnownImage> read(Path file) {
        try {
            return Optional.of(of(ImageFile.read(file)));
        } catch (IOException e) {
            return unreadable(file, e);
        }
    }

    private static KnownImage of(ImageFile image) throws IOException {
        ImageFacts facts = image.facts();
        return new KnownImage(
                image.file(),
                image.id(),
                facts.label(),
                facts.session(),
                facts.taken(),
                Files.getLastModifiedTime(image.file()).toInstant(),
                facts.place(),
                facts.threads(),
                image.bytes(),
                image.memory().total(),
                facts.ancestors().stream().map(ImageFacts.Ancestor::id).toList(),
                Optional.empty());
    }

    private static Optional<KnownImage> unreadable(Path file, IOException why) {
        try {
            Instant written = Files.getLastModifiedTime(file).toInstant();
            String problem = why instanceof ImageFormatException
                    ? why.getMessage()
                    : "The image " + file + " cannot be read: " + why.getMessage() + ".";
            return Optional.of(new KnownImage(
                    file,
                    "",
                    file.getFileName().toString(),
                    "",
                    written,
                    written,
                    Place.UNKNOWN,
                    0,
                    Files.size(file),
                    0,
                    List.of(),
                    Optional.of(problem)));
        } catch (IOException gone) {
            return Optional.empty();
        }
    }
}
