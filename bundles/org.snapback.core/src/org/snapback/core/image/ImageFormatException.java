// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.image;

import java.io.IOException;
import java.nio.file.Path;

/** A file that is no image, or is damaged; the message is one sentence that names it and what is wrong. */
public final class ImageFormatException extends IOException {

    private static final long serialVersionUID = 1L;

    /** @param wrong as the end of a sentence that begins with the file: "is no image of Snapback" */
    ImageFormatException(Path file, String wrong) {
        super(file + " " + wrong + ".");
    }
}
