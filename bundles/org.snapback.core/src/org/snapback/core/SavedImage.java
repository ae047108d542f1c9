// SPDX-License-Identifier: EPL-2.0
package org.snapback.core;

import java.nio.file.Path;
import java.time.Instant;

/**
 * The image file that a live snapshot was last saved to.
 *
 * @param file its full path
 * @param bytes the size of the file
 * @param saved when
 */
public record SavedImage(Path file, long bytes, Instant saved) {}
