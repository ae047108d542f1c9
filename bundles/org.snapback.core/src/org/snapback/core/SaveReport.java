// SPDX-License-Identifier: EPL-2.0
package org.snapback.core;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * What saving a snapshot has made.
 *
 * @param file the image's full path
 * @param bytes the size of the file
 * @param memoryBytes the memory that it stands for
 * @param parent the image on which it builds; empty: it stands alone
 */
public record SaveReport(
        long snapshot, Path file, long bytes, long memoryBytes, Duration duration, Optional<Path> parent) {}
