// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.image;

import java.util.List;

/**
 * One process in an image.
 *
 * @param parent 0: the supervisor
 * @param executable full path
 * @param debugger it is the gdb of the session
 * @param threads the main thread first
 * @param mappings in order of address
 * @param descriptors in order of number
 */
public record ImageProcess(
        int pid,
        int parent,
        String executable,
        String workingDirectory,
        boolean debugger,
        List<ImageThread> threads,
        List<ImageMapping> mappings,
        List<ImageDescriptor> descriptors) {

    public ImageProcess {
        threads = List.copyOf(threads);
        mappings = List.copyOf(mappings);
        descriptors = List.copyOf(descriptors);
    }
}
