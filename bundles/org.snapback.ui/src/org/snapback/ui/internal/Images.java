// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal;

import org.eclipse.jface.resource.ImageDescriptor;
import org.eclipse.jface.resource.JFaceResources;
import org.eclipse.jface.resource.ResourceLocator;
import org.eclipse.swt.graphics.Image;

/** The icons that code needs; those of plugin.xml are named there. */
public enum Images {
    SNAPSHOT("snapshot"),
    REWIND("rewind"),
    DELETE("delete"),
    SAVE("save"),
    RESTART("restart"),
    /** An image file. */
    IMAGE("image"),
    /** The snapshot that the present goes back to. */
    HERE("here");

    private static final String BUNDLE = "org.snapback.ui";

    private final String file;

    Images(String name) {
        file = "icons/" + name + ".svg";
    }

    public ImageDescriptor descriptor() {
        return ResourceLocator.imageDescriptorFromBundle(BUNDLE, file)
                .orElseGet(ImageDescriptor::getMissingImageDescriptor);
    }

    /** Owned by the workbench: not to be disposed. */
    public Image image() {
        String key = BUNDLE + "/" + file;
        if (JFaceResources.getImageRegistry().getDescriptor(key) == null) {
            JFaceResources.getImageRegistry().put(key, descriptor());
        }
        return JFaceResources.getImageRegistry().get(key);
    }
}
